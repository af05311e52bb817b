/* A host without a usable KVM, for the tests of what the program then says: preloaded, it makes the one call
 * fail that the variable KVM_FAULT names. Everything else goes through. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int fault(const char *name) {
  const char *wanted = getenv("KVM_FAULT");
  return wanted && strcmp(wanted, name) == 0;
}

static int open_kvm(const char *path) {
  if (strcmp(path, "/dev/kvm") != 0) return 0;
  errno = fault("permission") ? EACCES : fault("device") ? ENOENT : fault("busy") ? EBUSY : 0;
  if (errno) return -1;
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
  return real("/dev/null", O_RDWR | O_CLOEXEC); /* whatever it is asked, the answers are below */
}

#define INTERCEPT(name)                                                                             \
  int name(const char *path, int flags, ...) {                                                      \
    va_list list;                                                                                   \
    va_start(list, flags);                                                                          \
    const int mode = va_arg(list, int);                                                             \
    va_end(list);                                                                                   \
    const int kvm = open_kvm(path);                                                                 \
    if (kvm) return kvm;                                                                            \
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    return real(path, flags, mode);                                                                 \
  }
INTERCEPT(open)
INTERCEPT(open64)

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (request == KVM_GET_API_VERSION)
    return fault("version") ? 11 : fault("other") ? (errno = ENOTTY, -1) : KVM_API_VERSION;
  if (request == KVM_CHECK_EXTENSION) return !fault("extension");
  if (request == KVM_CREATE_VM) return errno = fault("memory") ? ENOMEM : EIO, -1;
  int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  return real(fd, request, argument);
}
