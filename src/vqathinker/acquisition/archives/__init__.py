"""Archives: opened safely, whoever made them, and gone on with after a kill.

unpack(archive, source, limits=Limits(files, bytes, ratio), private=["*_subjective.csv"])
"""
