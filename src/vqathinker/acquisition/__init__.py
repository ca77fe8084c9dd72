"""Acquisition: files from elsewhere, whole, checked and unpacked safely.

One file comes from the first of its origins that delivers it:

    context = DownloadContext(RetryPolicy(), HashTable(Path("data-hashes.csv")), mirror)
    origins = [WebFile(Address("https://…"), "A_TOKEN"), DriveFile("1_v…")]
    download(ExpectedFile("konvid_1k/KoNViD_1k_videos.zip"), origins, target, context)

`list_hub_files` gives path, size, checksum and origin of each file of a hub repository. `unpack`
unpacks zip and tar files. Nothing here knows a data set card.
"""
