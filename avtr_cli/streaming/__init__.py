"""The call: sound is pushed in as it arrives, frames come out; nothing here knows of files."""
