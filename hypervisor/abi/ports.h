/* The PC that every guest sees: ports, interrupt lines, addresses. Included by C, C++ and assembler. */
#ifndef RINGSIDE_ABI_PORTS_H
#define RINGSIDE_ABI_PORTS_H

#define RS_PORT_PIC_MASTER 0x20
#define RS_PORT_PIC_SLAVE 0xA0
#define RS_PORT_PIT_CHANNEL0 0x40
#define RS_PORT_PIT_COMMAND 0x43
#define RS_PORT_KEYBOARD_DATA 0x60
#define RS_PORT_SYSTEM_CONTROL 0x61
#define RS_PORT_KEYBOARD_STATUS 0x64
#define RS_PORT_CMOS_INDEX 0x70
#define RS_PORT_CMOS_DATA 0x71
#define RS_PORT_POST 0x80         /* the POST code port: what nanobenchmarks read and write */
#define RS_PORT_FAST_A20 0x92
#define RS_PORT_DEBUG_CONSOLE 0xE9 /* Bochs's: a byte written appears on the host's console, a read returns E9h */
#define RS_PORT_EXIT 0xF4         /* QEMU's isa-debug-exit: the program ends with status (value << 1) | 1 */
#define RS_PORT_IDE_DATA 0x1F0
#define RS_PORT_IDE_CONTROL 0x3F6
#define RS_PORT_VGA_CRTC 0x3D4
#define RS_PORT_UART 0x3F8

#define RS_IRQ_TIMER 0
#define RS_IRQ_KEYBOARD 1
#define RS_IRQ_UART 4
#define RS_IRQ_RTC 8
#define RS_IRQ_IDE 14

#define RS_PIT_HZ 1193182
#define RS_VGA_TEXT 0xB8000
#define RS_VGA_WINDOW 0xA0000 /* memory-mapped up to 0xC0000 */

/* What a guest writes to RS_PORT_EXIT: 0 = it ended well, anything else = it reports failure. */
#define RS_EXIT_SUCCESS 0
#define RS_EXIT_FAILURE 1
#endif
