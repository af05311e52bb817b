/* The console: a 16550 UART, or a ring. Output waits for the port, input comes by interrupt. */
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/native.h"

enum { DATA = RS_PORT_UART, INTERRUPT_ENABLE, FIFO_CONTROL, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS };
enum { RECEIVED_ENABLE = 1, FIFO_ON = 1, EIGHT_BITS = 3, DIVISOR_LATCH = 0x80, DTR_RTS_OUT2 = 0x0B };
enum { RECEIVED = 1, READY_TO_SEND = 0x20 };

static bool uses_ring;

void native_uart_start(void) {
  if (native_io >= IO_RING) uses_ring = native_ring_console_start();
  if (uses_ring) return;
  device_out8(LINE_CONTROL, DIVISOR_LATCH);
  device_out8(DATA, 1); /* 115,200 baud */
  device_out8(INTERRUPT_ENABLE, 0);
  device_out8(LINE_CONTROL, EIGHT_BITS);
  device_out8(FIFO_CONTROL, FIFO_ON);       /* keep what was typed before we came up */
  device_out8(MODEM_CONTROL, DTR_RTS_OUT2); /* OUT2 connects the interrupt line */
  device_out8(INTERRUPT_ENABLE, RECEIVED_ENABLE);
  native_unmask(RS_IRQ_UART);
}

void native_uart_interrupt(void) {
  while (device_in8(LINE_STATUS) & RECEIVED) console_receive(device_in8(DATA));
}

void machine_console_write(const char *text, size_t bytes) {
  if (uses_ring) return native_ring_console_write(text, bytes);
  for (; bytes > 0; bytes--, text++) {
    while (!(device_in8(LINE_STATUS) & READY_TO_SEND)) continue;
    device_out8(DATA, *text);
  }
}
