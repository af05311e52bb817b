// The numbers of ATA: registers, their bits, and commands. Manual: ANSI X3.298-1997 (ATA-3).
#pragma once

#include "cpu/address.h"

namespace ringside::ide {

enum Register : u32 {
  kData,
  kErrorFeatures,
  kCount,
  kSector,
  kCylinderLow,
  kCylinderHigh,
  kDevice,
  kStatusCommand,
  kControl
};
enum Status : u8 { kErr = 1, kDrq = 8, kSeekDone = 0x10, kFault = 0x20, kReady = 0x40, kBusy = 0x80 };
enum Error : u8 { kAborted = 4, kNotFound = 0x10, kUncorrectable = 0x40 };
enum Control : u8 { kNoInterrupt = 2, kSoftReset = 4 };
inline constexpr u8 kLba = 0x40, kIdle = kReady | kSeekDone;
enum Command : u8 {
  kRead = 0x20,
  kReadNoRetry = 0x21,
  kWrite = 0x30,
  kWriteNoRetry = 0x31,
  kVerify = 0x40,
  kVerifyNoRetry = 0x41,
  kSeek = 0x70,
  kDiagnostic = 0x90,
  kInitializeParameters = 0x91,
  kReadMultiple = 0xC4,
  kWriteMultiple = 0xC5,
  kSetMultiple = 0xC6,
  kStandbyNow = 0xE0,
  kIdleNow = 0xE1,
  kStandby = 0xE2,
  kIdleTimer = 0xE3,
  kCheckPower = 0xE5,
  kSleep = 0xE6,
  kFlush = 0xE7,
  kIdentify = 0xEC,
  kSetFeatures = 0xEF,
  kNativeMax = 0xF8,
};

}  // namespace ringside::ide
