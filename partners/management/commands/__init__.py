"""Each file is one word after manage.py."""
