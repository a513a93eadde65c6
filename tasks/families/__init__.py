"""The catalog's rows, by the family of files and prompts they share."""
