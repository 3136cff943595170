"""Problems on NumPy arrays: gain and data in, certified solutions out."""
