/* INT 10h: text on the VGA, 80x25. What is typed out also goes to the debug port E9h, where somebody may
 * listen. */
#include "guests/bios/bios.h"

enum { COLUMNS = 80, ROWS = 25, SCREEN = 0xB800, CRTC = 0x3D4, BLANK = 0x0720 };
enum {
  MODE = 0x49,
  WIDTH = 0x4A,
  PAGE_BYTES = 0x4C,
  CURSOR = 0x50,
  SHAPE = 0x60,
  PAGE = 0x62,
  CRTC_BASE = 0x63
};
enum { LAST_ROW = 0x84, FONT_HEIGHT = 0x85 };

static void crtc(u8 index, u8 value) {
  outb(CRTC, index);
  outb(CRTC + 1, value);
}

static void set_cursor(u8 row, u8 column) {
  u16 at = (u16)(row * COLUMNS + column);
  poke8(BDA, CURSOR, column);
  poke8(BDA, CURSOR + 1, row);
  crtc(0x0E, (u8)(at >> 8));
  crtc(0x0F, (u8)at);
}

static void put(u8 row, u8 column, u16 cell) { poke16(SCREEN, (u16)((row * COLUMNS + column) * 2), cell); }
static u16 cell_at(u8 row, u8 column) { return peek16(SCREEN, (u16)((row * COLUMNS + column) * 2)); }

/* Moves a window up (down) by `lines`; 0 clears it. */
static void scroll(bool down, u8 lines, u8 attribute, u8 top, u8 left, u8 bottom, u8 right) {
  u8 height, i, column;
  if (bottom >= ROWS) bottom = ROWS - 1;
  if (right >= COLUMNS) right = COLUMNS - 1;
  if (top > bottom || left > right) return;
  height = (u8)(bottom - top + 1);
  if (lines == 0 || lines > height) lines = height;
  for (i = 0; i < height; i++) {
    u8 row = (u8)(down ? bottom - i : top + i);
    for (column = left; column <= right; column++)
      put(row, column,
          i + lines < height ? cell_at((u8)(down ? row - lines : row + lines), column)
                             : (u16)(attribute << 8 | ' '));
  }
}

static void set_mode(u8 mode) {
  if (!(mode & 0x80)) scroll(false, 0, BLANK >> 8, 0, 0, ROWS - 1, COLUMNS - 1);
  poke8(BDA, MODE, 3);
  poke16(BDA, WIDTH, COLUMNS);
  poke16(BDA, PAGE_BYTES, 0x1000);
  poke8(BDA, PAGE, 0);
  poke16(BDA, CRTC_BASE, CRTC);
  poke8(BDA, LAST_ROW, ROWS - 1);
  poke16(BDA, FONT_HEIGHT, 16);
  poke16(BDA, SHAPE, 0x0D0E);
  crtc(0x0A, 0x0D);
  crtc(0x0B, 0x0E);
  crtc(0x0C, 0);
  crtc(0x0D, 0);
  set_cursor(0, 0);
}

/* As a teletype does; an attribute of 0 keeps what the screen has. */
static void type(u8 c, u8 attribute) {
  u8 column = peek8(BDA, CURSOR), row = peek8(BDA, CURSOR + 1);
  outb(0xE9, c);
  switch (c) {
    case 7: return;
    case 8:
      if (column) column--;
      break;
    case '\n': row++; break;
    case '\r': column = 0; break;
    default:
      put(row, column, (u16)((attribute ? attribute : cell_at(row, column) >> 8) << 8 | c));
      if (++column == COLUMNS) {
        column = 0;
        row++;
      }
  }
  if (row >= ROWS) {
    scroll(false, 1, BLANK >> 8, 0, 0, ROWS - 1, COLUMNS - 1);
    row = ROWS - 1;
  }
  set_cursor(row, column);
}

void print_char(char c) {
  if (c == '\n') type('\r', 0);
  type((u8)c, 0);
}

void print(ROM char *text) {
  while (*text) print_char(*text++);
}

/* AH = 13h: a string, with attributes between its characters if AL has bit 1; bit 0 leaves the cursor behind
 * it. */
static void write_string(struct frame *f) {
  u8 column = peek8(BDA, CURSOR), row = peek8(BDA, CURSOR + 1), attribute = f->b.l;
  u16 at = (u16)f->ebp, n = f->c.x;
  set_cursor(f->d.h < ROWS ? f->d.h : ROWS - 1, f->d.l < COLUMNS ? f->d.l : COLUMNS - 1);
  for (; n; n--) {
    u8 c = peek8(f->es, at++);
    if (f->a.l & 2) attribute = peek8(f->es, at++);
    type(c, attribute);
  }
  if (!(f->a.l & 1)) set_cursor(row, column);
}

void int10(struct frame *f) {
  u8 column = peek8(BDA, CURSOR), row = peek8(BDA, CURSOR + 1);
  u16 n;
  switch (f->a.h) {
    case 0x00: set_mode(f->a.l); break;
    case 0x01:
      poke16(BDA, SHAPE, f->c.x);
      crtc(0x0A, f->c.h);
      crtc(0x0B, f->c.l);
      break;
    case 0x02: set_cursor(f->d.h < ROWS ? f->d.h : ROWS - 1, f->d.l < COLUMNS ? f->d.l : COLUMNS - 1); break;
    case 0x03:
      f->c.x = peek16(BDA, SHAPE);
      f->d.x = (u16)(row << 8 | column);
      break;
    case 0x06:
    case 0x07: scroll(f->a.h == 7, f->a.l, f->b.h, f->c.h, f->c.l, f->d.h, f->d.l); break;
    case 0x08: f->a.x = cell_at(row, column); break;
    case 0x09: /* a character (0Ah: with the attribute that is there), CX times, the cursor stays */
    case 0x0A:
      for (n = 0; n < f->c.x && row * COLUMNS + column + n < ROWS * COLUMNS; n++) {
        u16 at = (u16)(row * COLUMNS + column + n);
        u8 attribute = f->a.h == 9 ? f->b.l : (u8)(peek16(SCREEN, (u16)(at * 2)) >> 8);
        poke16(SCREEN, (u16)(at * 2), (u16)(attribute << 8 | f->a.l));
      }
      if (f->c.x == 1) outb(0xE9, f->a.l);
      break;
    case 0x0E: type(f->a.l, 0); break;
    case 0x0F:
      f->a.x = (u16)(COLUMNS << 8 | peek8(BDA, MODE));
      f->b.h = 0;
      break;
    case 0x12:
      if (f->b.l == 0x10) f->b.x = 0x0003, f->c.x = 0x0009; /* colour, 256 KiB */
      break;
    case 0x13: write_string(f); break;
    case 0x1A:
      if (f->a.l == 0) f->a.l = 0x1A, f->b.x = 0x0008; /* a VGA with a colour monitor */
      break;
    default: break; /* not known: the registers stay, as the callers expect of an old adapter */
  }
}
