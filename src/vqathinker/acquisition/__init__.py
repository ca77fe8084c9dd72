"""Acquisition: downloads that resume and are verified, and safe unpacking of archives.

A file is downloaded from the first of its origins that delivers it:

    context = DownloadContext(RetryPolicy(), HashTable(Path("data-hashes.csv")), mirror)
    origins = [WebFile(Address("https://…"), "A_TOKEN"), DriveFile("1_v…")]
    download(ExpectedFile("konvid_1k/KoNViD_1k_videos.zip"), origins, target, context)

`list_hub_files` lists a hub repository: path, size, checksum and origin of each file. `unpack`
unpacks zip and tar files. Nothing here knows about data set cards.
"""
