"""One module per kind of file, and what all of them share: places, layouts, written options."""
