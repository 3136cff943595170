"""The look of figures and of HTML."""
