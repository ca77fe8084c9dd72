"""Archives: opened safely, whoever made them, and gone on with after a kill.

unpack(archive, source, limits=ArchiveLimits(files, bytes, ratio), private=["*_subjective.csv"])
"""
