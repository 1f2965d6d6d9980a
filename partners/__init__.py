"""Partners whose mail travels over a secure channel, and the policy map that makes Postfix keep it so."""
