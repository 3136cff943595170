//! Laws of the public functions.
