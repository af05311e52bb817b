/* sleep: lets N milliseconds pass. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) { return sleep_milliseconds(number_or(argc > 1 ? argv[1] : NULL, 1000)) < 0; }
