"""The whole way, with real Postfix, DNS and peers."""
