/* The disk image that mkfs made, for machines without a disk. RAM_DISK_FILE comes from CMake. */
  .data
  .balign 16
  .global ram_disk_begin, ram_disk_end
ram_disk_begin:
  .incbin RAM_DISK_FILE
ram_disk_end:
