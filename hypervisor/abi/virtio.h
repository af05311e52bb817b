/* The ring devices, as a driver sees them: virtio 1.2 over MMIO (sections 2.7, 4.2, 5.2), what of it is used
 * here. Included by C and C++. */
#ifndef RINGSIDE_ABI_VIRTIO_H
#define RINGSIDE_ABI_VIRTIO_H

#include <stdint.h>

/* Guest-physical addresses of the devices' registers, a page each, and their interrupt lines: those of
 * a second parallel port and a second serial port, which this PC has not, and a free one. */
#define RS_VIRTIO_BLOCK 0xFEB00000
#define RS_IRQ_VIRTIO_BLOCK 5
#define RS_VIRTIO_CONSOLE 0xFEB01000
#define RS_IRQ_VIRTIO_CONSOLE 3
#define RS_VIRTIO_NET 0xFEB02000
#define RS_IRQ_VIRTIO_NET 11
/* The whole port space, memory-mapped: port P is at RS_MMIO_PORTS + P, as on processors that have no IN and
 * OUT. */
#define RS_MMIO_PORTS 0xFEA00000
#define RS_MMIO_PORTS_BYTES 0x1000

#define RS_VIRTIO_MAGIC 0x74726976 /* "virt" */
#define RS_VIRTIO_ID_NET 1
#define RS_VIRTIO_ID_BLOCK 2
#define RS_VIRTIO_ID_CONSOLE 3

/* Registers, 32 bits each. */
#define RS_VIRTIO_REG_MAGIC 0x000
#define RS_VIRTIO_REG_VERSION 0x004 /* 2 */
#define RS_VIRTIO_REG_DEVICE 0x008
#define RS_VIRTIO_REG_VENDOR 0x00C
#define RS_VIRTIO_REG_DEVICE_FEATURES 0x010
#define RS_VIRTIO_REG_DEVICE_FEATURES_SELECT 0x014
#define RS_VIRTIO_REG_DRIVER_FEATURES 0x020
#define RS_VIRTIO_REG_DRIVER_FEATURES_SELECT 0x024
#define RS_VIRTIO_REG_QUEUE_SELECT 0x030
#define RS_VIRTIO_REG_QUEUE_SIZE_MAX 0x034
#define RS_VIRTIO_REG_QUEUE_SIZE 0x038
#define RS_VIRTIO_REG_QUEUE_READY 0x044
#define RS_VIRTIO_REG_QUEUE_NOTIFY 0x050
#define RS_VIRTIO_REG_INTERRUPT_STATUS 0x060
#define RS_VIRTIO_REG_INTERRUPT_ACK 0x064
#define RS_VIRTIO_REG_STATUS 0x070
#define RS_VIRTIO_REG_QUEUE_DESC 0x080   /* low half; high half at +4, which must be 0 */
#define RS_VIRTIO_REG_QUEUE_DRIVER 0x090 /* the available ring */
#define RS_VIRTIO_REG_QUEUE_DEVICE 0x0A0 /* the used ring */
#define RS_VIRTIO_REG_CONFIG 0x100       /* block: sectors, 64 bits; net: the station address */
/* Beyond the standard: how often, in microseconds, the device looks for work by itself instead of being
 * notified. 0 (at reset) never. While it polls it sets RS_VRING_USED_NO_NOTIFY. */
#define RS_VIRTIO_REG_POLL 0x1F0
#define RS_VIRTIO_REGISTER_BYTES 0x200

#define RS_VIRTIO_STATUS_ACKNOWLEDGE 1
#define RS_VIRTIO_STATUS_DRIVER 2
#define RS_VIRTIO_STATUS_DRIVER_OK 4
#define RS_VIRTIO_STATUS_FEATURES_OK 8
#define RS_VIRTIO_STATUS_NEEDS_RESET 64

#define RS_VIRTIO_BLOCK_FEATURE_SEG_MAX 2 /* pieces of data that a request may have: in the configuration */
#define RS_VIRTIO_BLOCK_CONFIG_SEG_MAX 12
#define RS_VIRTIO_BLOCK_FEATURE_FLUSH 9
#define RS_VIRTIO_NET_FEATURE_MAC 5    /* the station address is in the configuration */
#define RS_VIRTIO_FEATURE_EVENT_IDX 29 /* used_event and avail_event say when to notify */
#define RS_VIRTIO_FEATURE_VERSION_1 32

#define RS_VIRTIO_INTERRUPT_RING 1
#define RS_VIRTIO_INTERRUPT_CONFIG 2

#define RS_VRING_NEXT 1
#define RS_VRING_WRITE 2 /* the device writes */
#define RS_VRING_INDIRECT 4
#define RS_VRING_AVAIL_NO_INTERRUPT 1
#define RS_VRING_USED_NO_NOTIFY 1
#define RS_VRING_MAX 256

struct rs_vring_descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};
struct rs_vring_available { /* followed by used_event after ring[queue size] */
  uint16_t flags, index, ring[RS_VRING_MAX];
};
struct rs_vring_used_element {
  uint32_t id, length;
};
struct rs_vring_used { /* followed by avail_event after ring[queue size] */
  uint16_t flags, index;
  struct rs_vring_used_element ring[RS_VRING_MAX];
};

#define RS_VIRTIO_BLOCK_IN 0
#define RS_VIRTIO_BLOCK_OUT 1
#define RS_VIRTIO_BLOCK_FLUSH 4
struct rs_virtio_block_header { /* then the data, then one status byte that the device writes */
  uint32_t type, reserved;
  uint64_t sector;
};
#define RS_VIRTIO_BLOCK_OK 0
#define RS_VIRTIO_BLOCK_IOERR 1
#define RS_VIRTIO_BLOCK_UNSUPPORTED 2

/* Network: queue 0 receives, queue 1 transmits; before each frame a header, of which only `buffers` (1) is
 * used here. */
#define RS_VIRTIO_NET_RECEIVE 0
#define RS_VIRTIO_NET_TRANSMIT 1
struct rs_virtio_net_header {
  uint8_t flags, segmentation;
  uint16_t header_bytes, segment_bytes, checksum_start, checksum_offset, buffers;
};
#endif
