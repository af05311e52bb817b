/* IRQ 1 and INT 16h: scan codes of set 1 become characters in the 16 words of buffer at 0040:001E. */
#include "guests/bios/bios.h"
#include "hypervisor/abi/ports.h"

enum { SHIFTS = 0x17, HEAD = 0x1A, TAIL = 0x1C, FIRST = 0x1E, END = 0x3E, EXTENDED = 0x96 };
enum { RIGHT_SHIFT = 1, LEFT_SHIFT = 2, CONTROL = 4, ALT = 8, CAPS_LOCK = 0x40, AFTER_E0 = 2 };

static ROM char plain[] =
    "\0\033"
    "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static ROM char shifted[] =
    "\0\033"
    "!@#$%^&*()_+\b\0QWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static u16 next(u16 at) { return (u16)(at + 2 == END ? FIRST : at + 2); }

static void enqueue(u16 key) {
  u16 tail = peek16(BDA, TAIL);
  if (next(tail) == peek16(BDA, HEAD)) return; /* full: the key is lost, as it always was */
  poke16(BDA, tail, key);
  poke16(BDA, TAIL, next(tail));
}

static u8 shift_of(u8 code) {
  switch (code) {
    case 0x36: return RIGHT_SHIFT;
    case 0x2A: return LEFT_SHIFT;
    case 0x1D: return CONTROL;
    case 0x38: return ALT;
    default: return 0;
  }
}

static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static void pressed(u8 code, u8 shifts) {
  char c = 0;
  if (code < sizeof plain - 1) {
    bool upper = shifts & (LEFT_SHIFT | RIGHT_SHIFT);
    if (letter(plain[code]) && (shifts & CAPS_LOCK)) upper = !upper;
    c = upper ? shifted[code] : plain[code];
    if ((shifts & CONTROL) && letter(c)) c = (char)(c & 31);
    if (shifts & ALT) c = 0;
    if (!c && !(shifts & ALT) && code != 0x0F) return;
  } else if (code > 0x58) {
    return;
  }
  enqueue((u16)(code << 8 | (u8)c));
}

void on_key(struct frame *f) {
  (void)f;
  if (inb(RS_PORT_KEYBOARD_STATUS) & 1) {
    u8 code = inb(RS_PORT_KEYBOARD_DATA), extended = peek8(BDA, EXTENDED), shifts = peek8(BDA, SHIFTS);
    u8 shift = shift_of(code & 0x7F);
    if (code == 0xE0) {
      poke8(BDA, EXTENDED, extended | AFTER_E0);
    } else {
      poke8(BDA, EXTENDED, extended & ~AFTER_E0);
      if ((extended & AFTER_E0) && (shift & (LEFT_SHIFT | RIGHT_SHIFT))) {
        /* E0 2A and E0 36 are no shift keys */
      } else if (shift) {
        poke8(BDA, SHIFTS, code & 0x80 ? shifts & ~shift : shifts | shift);
      } else if (code == 0x3A) {
        poke8(BDA, SHIFTS, shifts ^ CAPS_LOCK);
      } else if (!(code & 0x80)) {
        if ((extended & AFTER_E0) && code >= 0x47 && code <= 0x53)
          enqueue((u16)(code << 8 | 0xE0));
        else
          pressed(code, shifts);
      }
    }
  }
  outb(0x20, 0x20);
}

static bool empty(void) { return peek16(BDA, HEAD) == peek16(BDA, TAIL); }

void int16(struct frame *f) {
  u16 key;
  switch (f->a.h) {
    case 0x00:
    case 0x10:
      while (empty()) wait_for_interrupt();
      key = peek16(BDA, peek16(BDA, HEAD));
      if (f->a.h == 0 && (u8)key == 0xE0) key &= 0xFF00;
      f->a.x = key;
      poke16(BDA, HEAD, next(peek16(BDA, HEAD)));
      break;
    case 0x01:
    case 0x11:
      set_flag(f, ZF, empty());
      if (empty()) break;
      key = peek16(BDA, peek16(BDA, HEAD));
      if (f->a.h == 1 && (u8)key == 0xE0) key &= 0xFF00;
      f->a.x = key;
      break;
    case 0x02: f->a.l = peek8(BDA, SHIFTS); break;
    case 0x12: f->a.x = peek8(BDA, SHIFTS); break;
    case 0x05:
      enqueue(f->c.x);
      f->a.l = 0;
      break;
    default: break;
  }
}
