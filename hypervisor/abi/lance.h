/* The LANCE network card, as a driver sees it: Am7990 data sheet, behind the ports of a PCnet-ISA. Included
 * by C and C++. */
#ifndef RINGSIDE_ABI_LANCE_H
#define RINGSIDE_ABI_LANCE_H

#include <stdint.h>

#define RS_LANCE_PORTS 0x300 /* 16 bytes of PROM, the station address first, then 16-bit registers */
#define RS_LANCE_DATA 0x10   /* the selected register */
#define RS_LANCE_SELECT 0x12
#define RS_LANCE_RESET 0x14 /* by reading it */
#define RS_LANCE_PORT_COUNT 0x18
#define RS_IRQ_LANCE 10

/* CSR0. CSR1 and CSR2: low and high half of the initialization block's address, while stopped. */
#define RS_LANCE_INIT 0x0001
#define RS_LANCE_STRT 0x0002
#define RS_LANCE_STOP 0x0004
#define RS_LANCE_TDMD 0x0008 /* look at the transmit ring now */
#define RS_LANCE_TXON 0x0010
#define RS_LANCE_RXON 0x0020
#define RS_LANCE_INEA 0x0040 /* interrupts enabled */
#define RS_LANCE_INTR 0x0080 /* one of the causes below; writing a one to a cause clears it */
#define RS_LANCE_IDON 0x0100
#define RS_LANCE_TINT 0x0200
#define RS_LANCE_RINT 0x0400
#define RS_LANCE_MERR 0x0800
#define RS_LANCE_MISS 0x1000
#define RS_LANCE_CERR 0x2000
#define RS_LANCE_BABL 0x4000
#define RS_LANCE_ERR 0x8000

#define RS_LANCE_MODE_DRX 0x0001
#define RS_LANCE_MODE_DTX 0x0002
#define RS_LANCE_MODE_PROMISCUOUS 0x8000

/* Flags of a descriptor. */
#define RS_LANCE_OWN 0x80 /* the card's */
#define RS_LANCE_FIRST 0x02
#define RS_LANCE_LAST 0x01
#define RS_LANCE_FLAGS 3 /* offset of the flags */

struct rs_lance_init_block {
  uint16_t mode;
  uint8_t address[6];
  uint32_t group_filter[2];
  uint32_t receive_ring, transmit_ring; /* address, 24 bits, of 8 bytes alignment; log2 of the size << 29 */
};
struct rs_lance_descriptor {
  uint16_t low; /* address of the buffer, 24 bits */
  uint8_t high, flags;
  uint16_t bytes;   /* of the buffer: its two's complement, and F000h */
  uint16_t message; /* received: bytes of the frame, four for its check sequence */
};
#endif
