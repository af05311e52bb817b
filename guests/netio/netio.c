/* netio: two machines on one network exchange `count=N` messages of `bs=B` bytes, up to `depth=D` of them at
 * once. load=rr: each is sent back whole (request and response); load=bulk: each is answered by an empty one.
 * The station whose address ends in 1 asks, the other one answers; both have the same command line. No
 * protocol stack but what is here, so what a packet costs is what the way to the card costs,
 * `io=pio|mmio|ring|poll`. */
#include "guests/netio/netio.h"

#include "guests/common/pc.h"
#include "guests/netio/packet.h"

enum { BUFFERS = 8 << 20, BUFFER_BYTES = 16 << 20, MOST_BYTES = 1 << 20, SAMPLE = 512 };
enum { WINDOW = 32 }; /* parts on their way at most; acknowledged at the latest every half of it */
enum { SERVER_STATION = 2, NETWORK = 0x0A000000, SERVER = NETWORK | SERVER_STATION, PORT = 7 };
enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

static const struct driver *driver;
static uint32_t block_bytes, count, depth;
static uint8_t own_station[STATION_BYTES];
static uint32_t own_address;
static struct {
  uint8_t station[STATION_BYTES];
  uint32_t address; /* 0 = not known yet */
  uint16_t port;
} peer;

/* What goes out: messages 0 to `limit` - 1 so far, of `bytes` each, are to be sent; `number` is next, from
 * `offset` on. What comes in: likewise. */
static struct {
  uint32_t number, offset, limit, bytes;
  uint32_t parts, acknowledged;
} out;
static struct {
  uint32_t number, offset, bytes;
  uint32_t parts, told;
} in;

static uint8_t *buffer(uint32_t number) { return (uint8_t *)(BUFFERS + number % depth * block_bytes); }

static void fail(const char *why) {
  print("netio: %s\n", why);
  power_off(1);
}

/* ---- packets */

static uint16_t header_checksum(const struct packet *p) {
  uint32_t sum = 0;
  const uint8_t *bytes = (const uint8_t *)&p->version;
  for (unsigned i = 0; i < 20; i += 2) sum += bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return swapped16(~sum);
}

static uint8_t *wait_for_room(void) {
  uint8_t *frame;
  while (!(frame = driver->room())) driver->wait();
  return frame;
}

static void send_packet(struct packet *p, const struct message *message, uint32_t data_bytes) {
  const uint32_t udp = 8 + sizeof *message + data_bytes;
  memcpy(p->ethernet.to, peer.station, STATION_BYTES);
  memcpy(p->ethernet.from, own_station, STATION_BYTES);
  p->ethernet.type = swapped16(TYPE_IPV4);
  p->version = 0x45; /* and a header of 20 bytes */
  p->service = 0;
  p->length = swapped16(20 + udp);
  p->identification = p->fragment = 0;
  p->life = 64;
  p->protocol = UDP;
  p->checksum = 0;
  p->source = swapped32(own_address);
  p->destination = swapped32(peer.address);
  p->checksum = header_checksum(p);
  p->source_port = swapped16(PORT);
  p->destination_port = swapped16(peer.port);
  p->udp_length = swapped16(udp);
  p->udp_checksum = 0; /* none */
  p->message = *message;
  const uint32_t bytes = sizeof *p + data_bytes;
  driver->send(bytes < ARP_FRAME ? ARP_FRAME : bytes);
}

static void send_arp(uint16_t operation, const uint8_t *to, uint32_t target) {
  struct arp *a = (struct arp *)wait_for_room();
  memset(a, 0, ARP_FRAME);
  if (to)
    memcpy(a->ethernet.to, to, STATION_BYTES);
  else
    memset(a->ethernet.to, 0xFF, STATION_BYTES);
  memcpy(a->ethernet.from, own_station, STATION_BYTES);
  a->ethernet.type = swapped16(TYPE_ARP);
  a->hardware = swapped16(1);
  a->protocol = swapped16(TYPE_IPV4);
  a->hardware_bytes = STATION_BYTES;
  a->protocol_bytes = 4;
  a->operation = swapped16(operation);
  memcpy(a->sender_station, own_station, STATION_BYTES);
  a->sender = swapped32(own_address);
  if (to) memcpy(a->target_station, to, STATION_BYTES);
  a->target = swapped32(target);
  driver->send(ARP_FRAME);
  driver->announce();
}

static void take_arp(const struct arp *a) {
  const uint32_t sender = swapped32(a->sender), target = swapped32(a->target);
  if (own_address != SERVER && sender == SERVER) {
    memcpy(peer.station, a->sender_station, STATION_BYTES);
    peer.address = SERVER;
    peer.port = PORT;
  }
  if (swapped16(a->operation) == ARP_REQUEST && target == own_address && sender != own_address)
    send_arp(ARP_REPLY, a->sender_station, sender);
}

/* ---- messages */

static void take_part(const struct packet *p) {
  const struct message m = p->message;
  if (own_address == SERVER) { /* whoever asks is answered */
    memcpy(peer.station, p->ethernet.from, STATION_BYTES);
    peer.address = swapped32(p->source);
    peer.port = swapped16(p->source_port);
  }
  out.acknowledged = m.acknowledged;
  if (!m.is_part) return;
  if (m.number != in.number || m.offset != in.offset || m.bytes != in.bytes) fail("a packet was lost");
  const uint32_t left = in.bytes - in.offset, bytes = left < PART_BYTES ? left : PART_BYTES;
  memcpy(buffer(in.number) + in.offset, p->data, bytes);
  in.offset += bytes;
  in.parts++;
  if (in.offset == in.bytes) {
    in.number++;
    in.offset = 0;
  }
}

static bool receive_all(void) {
  bool any = false;
  for (const uint8_t *frame; (frame = driver->receive()); any = true) {
    const uint16_t type = swapped16(((const struct ethernet *)frame)->type);
    if (type == TYPE_ARP)
      take_arp((const struct arp *)frame);
    else if (type == TYPE_IPV4)
      take_part((const struct packet *)frame);
    driver->release();
  }
  return any;
}

static bool send_what_may_go(void) {
  bool any = false;
  while (out.number < out.limit && out.parts - out.acknowledged < WINDOW) {
    struct packet *p = (struct packet *)driver->room();
    if (!p) break;
    const uint32_t left = out.bytes - out.offset, bytes = left < PART_BYTES ? left : PART_BYTES;
    memcpy(p->data, buffer(out.number) + out.offset, bytes);
    in.told = in.parts;
    send_packet(p, &(struct message){out.number, out.offset, out.bytes, in.parts, 1}, bytes);
    out.parts++;
    out.offset += bytes;
    any = true;
    if (out.offset < out.bytes) continue;
    out.number++;
    out.offset = 0;
  }
  if (in.parts - in.told >= WINDOW / 2) {
    struct packet *p = (struct packet *)wait_for_room();
    in.told = in.parts;
    send_packet(p, &(struct message){.acknowledged = in.parts}, 0);
    any = true;
  }
  if (any) driver->announce();
  return any;
}

/* One word of every sample stands for it. */
static void fill(uint32_t number) {
  for (uint32_t i = 0; i < block_bytes; i += SAMPLE)
    *(uint32_t *)(buffer(number) + i) = number * 2654435761u ^ i;
}
static uint32_t look(uint32_t number, uint32_t sum) {
  for (uint32_t i = 0; i < block_bytes; i += SAMPLE) sum = sum * 31 + *(uint32_t *)(buffer(number) + i);
  return sum;
}

static uint32_t ask(void) {
  uint32_t sum = 0, seen = 0;
  send_arp(ARP_REQUEST, NULL, SERVER);
  while (!receive_all() || !peer.address) driver->wait();
  for (uint32_t filled = 0; seen < count;) {
    for (; filled < count && filled - seen < depth; filled++) fill(filled);
    out.limit = filled;
    const bool sent = send_what_may_go();
    if (!receive_all() && !sent) driver->wait();
    for (; seen < in.number; seen++) sum = look(seen, sum);
  }
  return sum;
}

static uint32_t answer(void) {
  uint32_t sum = 0;
  send_arp(ARP_REQUEST, NULL, SERVER); /* an announcement: whoever asked too early hears it */
  while (out.number < count) {
    for (; out.limit < in.number; out.limit++) sum = look(out.limit, sum);
    const bool sent = send_what_may_go();
    if (!receive_all() && !sent) driver->wait();
  }
  driver->flush();
  return sum;
}

int main(const struct multiboot_info *info) {
  static const char *const ways[IO_WAYS] = {"io=pio", "io=mmio", "io=ring", "io=poll"};
  static const char *const loads[] = {"load=rr", "load=bulk"};
  const enum io io = (enum io)choice(info, ways, IO_WAYS);
  const bool bulk = choice(info, loads, 2);
  block_bytes = option(info, "bs", 1024);
  count = option(info, "count", 64);
  depth = option(info, "depth", 1);
  if (block_bytes == 0 || block_bytes % SAMPLE || block_bytes > MOST_BYTES || depth == 0 || count == 0 ||
      (uint64_t)depth * block_bytes > BUFFER_BYTES) {
    print("netio: bs=B is a multiple of %u up to %u, and bs times depth=D at most %u\n", SAMPLE, MOST_BYTES,
          BUFFER_BYTES);
    return 1;
  }
  driver = choose_driver(io);
  if (!driver->start(io, own_station)) {
    print("netio: there is no network card\n");
    return 1;
  }
  own_address = NETWORK | own_station[STATION_BYTES - 1];
  const bool asks = own_address != SERVER;
  *(asks ? &out.bytes : &in.bytes) = block_bytes;
  *(asks ? &in.bytes : &out.bytes) = bulk ? 0 : block_bytes;
  const uint32_t sum = asks ? ask() : answer();
  print("%u %s of %u bytes%s: %u packets sent, %u received: %08x\n", count, bulk ? "messages" : "round trips",
        block_bytes, asks ? "" : ", answered", out.parts, in.parts, sum);
  return 0;
}
