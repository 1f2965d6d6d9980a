"""The kit tests itself: each piece shows the behaviour other tests rely on."""
