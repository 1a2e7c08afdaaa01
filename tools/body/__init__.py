"""How `avtr_cli/assets/body.npz` is made: MakeHuman's CC0 body, its rig and its face units, in one small file."""
