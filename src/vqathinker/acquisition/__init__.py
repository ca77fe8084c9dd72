"""Acquisition: files from elsewhere, whole, checked and unpacked safely; knows no data set."""
