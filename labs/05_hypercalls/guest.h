/* Lab 05, the guest's side: what you write in guest.c, and what the lab's main.c calls. */
#ifndef LAB05_GUEST_H
#define LAB05_GUEST_H

#include "ringside/hypercalls.h"

extern u8 hypercall_page[];                 /* HYPERCALL_BYTES for each hypercall, written by the monitor */
extern volatile struct shared_info *shared; /* the page that the monitor shares with you */

/* Step 1: makes hypercall `number`; what EAX holds afterwards. */
int hypercall(u32 number, u32 b, u32 c, u32 d);

/* Step 2: the whole text on the console, by as few hypercalls as possible. */
void print(const char *text);

/* Step 3: puts an update of a page-table entry into a list of at most QUEUE. A full list goes to the monitor
 * at once, by one hypercall. */
enum { QUEUE = 64 };
void set_entry(u32 address, u32 value);
/* Step 3: what is in the list goes to the monitor.
 * Step 4: how many updates the monitor has refused since the last time you were asked; all others are made.
 */
u32 flush_entries(void);

/* Step 5: the guest's CLI and STI. No hypercall, unless something waits. */
void events_off(void);
void events_on(void);
/* Step 5: an event has arrived: the monitor has called, with events off. Tell on_timer() how many timer
 * periods have gone by since the last time. */
void events(void);

/* main.c */
void on_timer(u32 periods);

#endif
