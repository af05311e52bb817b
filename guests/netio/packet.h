/* What netio puts on the cable: ARP to find the other station, and messages in UDP datagrams. */
#ifndef GUESTS_NETIO_PACKET_H
#define GUESTS_NETIO_PACKET_H

#include <stdint.h>

#include "guests/netio/netio.h"

static inline uint16_t swapped16(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }
static inline uint32_t swapped32(uint32_t v) { return __builtin_bswap32(v); }

struct ethernet {
  uint8_t to[STATION_BYTES], from[STATION_BYTES];
  uint16_t type; /* this and all below in network order, but for the message */
} __attribute__((packed));

struct arp {
  struct ethernet ethernet;
  uint16_t hardware, protocol;
  uint8_t hardware_bytes, protocol_bytes;
  uint16_t operation;
  uint8_t sender_station[STATION_BYTES];
  uint32_t sender;
  uint8_t target_station[STATION_BYTES];
  uint32_t target;
} __attribute__((packed));

/* Part of a message. Messages have numbers from 0, parts come in order. */
struct message {
  uint32_t number, offset, bytes; /* of the whole message */
  uint32_t acknowledged;          /* parts that the sender has received so far */
  uint32_t is_part;               /* 0 = acknowledges only */
};

struct packet {
  struct ethernet ethernet;
  uint8_t version, service;
  uint16_t length, identification, fragment;
  uint8_t life, protocol;
  uint16_t checksum;
  uint32_t source, destination;
  uint16_t source_port, destination_port, udp_length, udp_checksum;
  struct message message;
  uint8_t data[];
} __attribute__((packed));

enum { PART_BYTES = FRAME_BYTES - sizeof(struct packet), ARP_FRAME = 60 };
enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, UDP = 17 };

#endif
