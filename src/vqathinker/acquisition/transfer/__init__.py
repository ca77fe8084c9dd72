"""Transfer: files come from their origins whole and right.

One file, from the first of its origins that delivers it:

    context = DownloadContext(policy, rng, HashTable(Path("data-hashes.csv")), mirror)
    expected = ExpectedFile("konvid_1k/KoNViD_1k_videos.zip", size=None, checksum=None)
    origins = [WebFile(Address("https://…"), "A_TOKEN"), DriveFile("1_v…")]
    download(expected, origins, target, context)

A repository of the hub is a list of such files: `list_hub_files` gives path, size, checksum and
origin of each. Nothing here knows a data set card.
"""
