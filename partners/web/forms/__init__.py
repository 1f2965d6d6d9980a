"""The forms of the pages, one file per noun; what they accept is core's to say."""
