"""The time base: one video frame is exactly 640 samples of 16 kHz audio.

Inside the library a duration is a whole number of samples or frames; seconds appear only at the
edges (command line, reports). So a long call cannot drift.
"""

SAMPLE_RATE = 16_000  # Hz, each side of the call
FPS = 25
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS  # 640

CHUNK_FRAMES = 5  # made together: 200 ms
LOOKAHEAD_FRAMES = 5  # future audio a chunk hears
TAIL_FRAMES = 3  # raw audio before the chunk that its window repeats, for the feature extractor
SHIFT_SAMPLES = 80  # half a 10 ms hop, so that feature rows fall on frame centres
NEW_FRAMES = CHUNK_FRAMES + LOOKAHEAD_FRAMES  # of a window: the chunk and what is heard ahead of it
PAST_FRAMES = 75  # motion and audio features remembered: 3 s

CHUNK_SAMPLES = CHUNK_FRAMES * SAMPLES_PER_FRAME  # 3200: what each further chunk waits for
DEADLINE_MS = 1000 * CHUNK_SAMPLES / SAMPLE_RATE  # 200: the next chunk's sound is complete then
FIRST_CHUNK_SAMPLES = NEW_FRAMES * SAMPLES_PER_FRAME + SHIFT_SAMPLES  # 6480
WINDOW_SAMPLES = TAIL_FRAMES * SAMPLES_PER_FRAME + FIRST_CHUNK_SAMPLES  # 8400


def frames_of(samples: int) -> int:
    """How many video frames `samples` samples of 16 kHz audio make: the last one may be partly silent."""
    return -(-samples // SAMPLES_PER_FRAME)
