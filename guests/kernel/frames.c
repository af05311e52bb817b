/* Page frames: a stack of free ones, and a count of references for those that copy-on-write shares. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

static uint16_t free_frames[MAX_FRAMES];
static uint32_t free_count;
static uint16_t references[MAX_FRAMES];

void frames_start(const struct boot_info *boot) {
  for (uint32_t frame = boot->frames; frame-- > boot->first_free_frame;) free_frames[free_count++] = frame;
}

uint32_t frame_allocate(void) {
  if (free_count == 0) return 0;
  uint32_t frame = free_frames[--free_count];
  references[frame] = 1;
  return frame;
}

uint32_t frame_allocate_zeroed(void) {
  uint32_t frame = frame_allocate();
  if (frame) memset(frame_memory(frame), 0, PAGE_BYTES);
  return frame;
}

void frame_share(uint32_t frame) { references[frame]++; }

void frame_release(uint32_t frame) {
  if (references[frame] == 0) panic("frame %u released twice", frame);
  if (--references[frame] == 0) free_frames[free_count++] = frame;
}

bool frame_is_shared(uint32_t frame) { return references[frame] > 1; }
