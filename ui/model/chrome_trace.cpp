#include "ui/model/chrome_trace.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cpu/host_error.h"

namespace ringside::model {

ChromeTrace::ChromeTrace(const std::string& path, u64 hz) : path_(path), out_(path), hz_(hz) {
  if (!out_)
    throw HostError("cannot write the trace '" + path +
                    "'. Give a path in a folder that exists and is writable.");
  out_
      << R"({"displayTimeUnit":"ns","otherData":{"note":"times are modelled, not measured"},"traceEvents":[)";
}

ChromeTrace::ChromeTrace(const std::string& path, std::string_view guest, Mode mode, u64 hz)
    : ChromeTrace(path, hz) {
  begin_process(guest, mode);
}

void ChromeTrace::begin_process(std::string_view guest, Mode mode) {
  if (process_) counter(millisecond_);
  const bool first = process_++ == 0;
  millisecond_ = exits_in_millisecond_ = 0;
  const auto label = [&](const char* what, std::string text) {
    return nlohmann::json{
        {"ph", "M"}, {"pid", process_}, {"tid", 1}, {"name", what}, {"args", {{"name", std::move(text)}}}}
        .dump();
  };
  out_ << (first ? "\n" : ",\n") << label("process_name", fmt::format("{} under {}", guest, name(mode)))
       << ",\n"
       << label("thread_name", "vCPU 0");
}

ChromeTrace::~ChromeTrace() = default;

void ChromeTrace::counter(u64 millisecond) {
  out_ << fmt::format(
      ",\n{{\"ph\":\"C\",\"pid\":{},\"tid\":1,\"name\":\"exits per "
      "ms\",\"ts\":{},\"args\":{{\"exits\":{}}}}}",
      process_, millisecond * 1000, exits_in_millisecond_);
}

void ChromeTrace::record(const ExitRecord& exit) {
  const u64 millisecond = exit.cycle * 1000 / hz_;
  if (millisecond != millisecond_) {
    counter(millisecond_);
    millisecond_ = millisecond;
    exits_in_millisecond_ = 0;
  }
  ++exits_in_millisecond_;
  out_ << fmt::format(
      ",\n{{\"ph\":\"X\",\"pid\":{},\"tid\":1,\"name\":\"{}\",\"ts\":{:.4f},\"dur\":{:.4f},\"args\":{{"
      "\"eip\":"
      "\"{:08x}\",\"ring\":{},"
      "\"instruction\":{},\"cycles\":{},\"detail\":\"{:x}\"}}}}",
      process_, info(exit.reason).name, microseconds(exit.cycle), microseconds(exit.cycles), exit.eip,
      exit.cpl, exit.instruction, exit.cycles, exit.detail);
}

void ChromeTrace::finish() {
  if (finished_) return;
  finished_ = true;
  if (process_) counter(millisecond_);
  out_ << "\n]}\n";
  out_.flush();
  if (!out_) throw HostError("the trace '" + path_ + "' could not be written completely: is the disk full?");
}

}  // namespace ringside::model
