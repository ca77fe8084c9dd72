"""Downloads that resume and are verified, and safe unpacking; independent of data set cards."""
