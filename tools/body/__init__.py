"""How `avtr_cli/assets/body.npz` is made: MakeHuman's CC0 body and its rig, in one small file."""
