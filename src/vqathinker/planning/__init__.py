"""What a run will take, before it starts: downloads, disk, memory of a GPU, hours.

Sizes are counted on the policy itself, built without weights; what nobody knows beforehand is an
assumption with a name (`vqathinker.planning.assumptions`), and measured rates take its place.
"""
