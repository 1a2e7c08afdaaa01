"""How the names of sounds, videos and pictures end, where files are looked for in a folder and nobody named them."""

SOUNDS = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".rf64", ".m4a", ".wma",
    ".aac", ".amr",
)  # fmt: skip
VIDEOS = (".mp4", ".mov", ".webm", ".mkv")  # whose sound may be meant
PICTURES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif",
)  # fmt: skip
