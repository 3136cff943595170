"""Arguments of public functions: declared once, converted, and warned of at the caller's line."""
