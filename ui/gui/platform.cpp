#include "ui/gui/platform.h"

#include <SDL.h>

#include <cstring>
#include <utility>

#include "cpu/host_error.h"
#include "ui/gui/pace.h"
#include "ui/gui/theme.h"
#if IMGUI_VERSION_NUM >= 18900
#include <imgui_impl_opengl3.h>
#include <imgui_impl_sdl2.h>
#else
#include <backends/imgui_impl_opengl3.h>
#include <backends/imgui_impl_sdl.h>
#endif

namespace ringside::gui {
namespace {

constexpr const char* kTitle = "Ringside";

void check_video_driver() {
  // Without a display SDL quietly draws into nothing; a user who waits for a window should hear of it.
  const char* driver = SDL_GetCurrentVideoDriver();
  if (driver && (!std::strcmp(driver, "offscreen") || !std::strcmp(driver, "dummy")) &&
      !SDL_getenv("SDL_VIDEODRIVER"))
    throw HostError(
        "there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set). "
        "Run in a desktop session, or draw without a window: ringside gui --screenshot FILE.png");
}

Input pump(int patience) {
  Input input;
  SDL_Event event;
  if (patience > 0) SDL_WaitEventTimeout(nullptr, patience);
  while (SDL_PollEvent(&event)) {
    input.any = true;
#if IMGUI_VERSION_NUM >= 18700
    // The button event's own position is right even where SDL's cached pointer is stale.
    if (event.type == SDL_MOUSEBUTTONDOWN || event.type == SDL_MOUSEBUTTONUP)
      ImGui::GetIO().AddMousePosEvent(static_cast<float>(event.button.x), static_cast<float>(event.button.y));
#endif
    ImGui_ImplSDL2_ProcessEvent(&event);
    switch (event.type) {
      case SDL_QUIT: input.quit = true; break;
      case SDL_WINDOWEVENT:
        input.quit |= event.window.event == SDL_WINDOWEVENT_CLOSE;
        input.exposed |= event.window.event == SDL_WINDOWEVENT_EXPOSED ||
                         event.window.event == SDL_WINDOWEVENT_SIZE_CHANGED;
        break;
      case SDL_KEYDOWN:
        input.keys.push_back({event.key.keysym.sym, (event.key.keysym.mod & KMOD_CTRL) != 0,
                              (event.key.keysym.mod & KMOD_SHIFT) != 0});
        break;
      case SDL_DROPFILE:
        input.dropped_files.emplace_back(event.drop.file);
        SDL_free(event.drop.file);
        break;
      default: break;
    }
  }
  return input;
}

/// SDL's video, opened once: after a failed attempt with OpenGL a second start of it is not reliable.
struct Video {
  Video() {
    if (SDL_Init(SDL_INIT_VIDEO) != 0)
      throw HostError(std::string("SDL cannot open a display: ") + SDL_GetError() +
                      ". Without one, use: ringside gui --screenshot FILE.png");
    check_video_driver();
  }
  ~Video() { SDL_QuitSubSystem(SDL_INIT_VIDEO); }
};

class Window : public Platform {
 public:
  Window(std::shared_ptr<Video> video, int width, int height, Uint32 flags)
      : video_(std::move(video)),
        window_(SDL_CreateWindow(kTitle, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, width, height,
                                 flags | SDL_WINDOW_RESIZABLE)) {
    if (!window_) throw HostError(std::string("SDL cannot open a window: ") + SDL_GetError());
  }
  ~Window() override { SDL_DestroyWindow(window_); }
  Input poll(int patience) override { return pump(patience); }

 private:
  std::shared_ptr<Video> video_;

 protected:
  SDL_Window* window_;
};

class OpenGlWindow final : public Window {
 public:
  OpenGlWindow(std::shared_ptr<Video> video, int width, int height)
      : Window(std::move(video), width, height, (set_attributes(), SDL_WINDOW_OPENGL)) {
    context_ = SDL_GL_CreateContext(window_);
    if (!context_) throw HostError(std::string("no OpenGL 3: ") + SDL_GetError());
    SDL_GL_MakeCurrent(window_, context_);
    SDL_GL_SetSwapInterval(1);
    viewport_ = reinterpret_cast<Viewport>(SDL_GL_GetProcAddress("glViewport"));
    clear_colour_ = reinterpret_cast<ClearColour>(SDL_GL_GetProcAddress("glClearColor"));
    clear_ = reinterpret_cast<Clear>(SDL_GL_GetProcAddress("glClear"));
    const auto get_string = reinterpret_cast<GetString>(SDL_GL_GetProcAddress("glGetString"));
    if (!viewport_ || !clear_colour_ || !clear_ || !get_string)
      throw HostError("OpenGL lacks basic functions");
    renderer_ = reinterpret_cast<const char*>(get_string(kRenderer));
    ImGui_ImplSDL2_InitForOpenGL(window_, context_);
    if (!ImGui_ImplOpenGL3_Init("#version 150")) throw HostError("OpenGL 3 refused the shaders");
  }
  ~OpenGlWindow() override {
    ImGui_ImplOpenGL3_Shutdown();
    ImGui_ImplSDL2_Shutdown();
    SDL_GL_DeleteContext(context_);
  }
  /// Mesa's software driver is slower than our own rasteriser.
  bool software() const { return renderer_.find("llvmpipe") != std::string::npos; }
  void begin_frame() override {
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplSDL2_NewFrame();
  }
  void end_frame() override {
    ImGui::Render();
    int width, height;
    SDL_GL_GetDrawableSize(window_, &width, &height);
    const ImVec4 background = ImGui::ColorConvertU32ToFloat4(palette().background);
    viewport_(0, 0, width, height);
    clear_colour_(background.x, background.y, background.z, 1);
    clear_(kColourBuffer);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    SDL_GL_SwapWindow(window_);
  }
  std::string description() const override { return "OpenGL 3: " + renderer_; }

 private:
  using Viewport = void (*)(int, int, int, int);
  using ClearColour = void (*)(float, float, float, float);
  using Clear = void (*)(unsigned);
  using GetString = const unsigned char* (*)(unsigned);
  static constexpr unsigned kRenderer = 0x1F01, kColourBuffer = 0x4000;
  static void set_attributes() {
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_PROFILE_MASK, SDL_GL_CONTEXT_PROFILE_CORE);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_MAJOR_VERSION, 3);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_MINOR_VERSION, 2);
    SDL_GL_SetAttribute(SDL_GL_DOUBLEBUFFER, 1);
  }
  SDL_GLContext context_ = nullptr;
  Viewport viewport_ = nullptr;
  ClearColour clear_colour_ = nullptr;
  Clear clear_ = nullptr;
  std::string renderer_;
};

class SoftwareWindow final : public Window {
 public:
  SoftwareWindow(std::shared_ptr<Video> video, int width, int height)
      : Window(std::move(video), width, height, (SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0"), 0)) {
#if IMGUI_VERSION_NUM >= 18900
    ImGui_ImplSDL2_InitForSDLRenderer(window_, nullptr);
#else
    ImGui_ImplSDL2_InitForSDLRenderer(window_);
#endif
    if (!SDL_GetWindowSurface(window_)) throw HostError(std::string("no window surface: ") + SDL_GetError());
    raster_.attach();
  }
  ~SoftwareWindow() override { ImGui_ImplSDL2_Shutdown(); }
  Input poll(int patience) override {
    Input input = pump(patience);
    exposed_ |= input.exposed;
    return input;
  }
  void begin_frame() override {
    began_ = std::chrono::steady_clock::now();
    ImGui_ImplSDL2_NewFrame();
  }
  void end_frame() override {
    ImGui::Render();
    const ImDrawData& data = *ImGui::GetDrawData();
    const int width = static_cast<int>(data.DisplaySize.x), height = static_cast<int>(data.DisplaySize.y);
    if (picture_.width != width || picture_.height != height) picture_ = Picture(width, height);
    show(raster_.draw(data, picture_, palette().background));
    pace_.wait(std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count());
  }
  std::string description() const override { return "software rasteriser"; }

 private:
  void show(std::vector<PixelRect> parts) {
    SDL_Surface* surface = SDL_GetWindowSurface(window_);
    if (!surface) return;
    const PixelRect all{0, 0, std::min(picture_.width, surface->w), std::min(picture_.height, surface->h)};
    if (surface != surface_ || std::exchange(exposed_, false)) parts = {all};
    surface_ = surface;
    std::vector<SDL_Rect> changed;
    for (PixelRect part : parts) {
      part = part.within(all);
      if (part.empty()) continue;
      const SDL_Rect r{part.x0, part.y0, part.x1 - part.x0, part.y1 - part.y0};
      auto* to = static_cast<std::uint8_t*>(surface->pixels) + r.y * surface->pitch +
                 r.x * surface->format->BytesPerPixel;
      SDL_ConvertPixels(r.w, r.h, SDL_PIXELFORMAT_RGBA32,
                        &picture_.pixels[static_cast<std::size_t>(r.y) * picture_.width + r.x],
                        picture_.width * 4, surface->format->format, to, surface->pitch);
      changed.push_back(r);
    }
    if (!changed.empty())
      SDL_UpdateWindowSurfaceRects(window_, changed.data(), static_cast<int>(changed.size()));
  }
  Raster raster_;
  Picture picture_;
  SDL_Surface* surface_ = nullptr;
  bool exposed_ = false;  ///< what the window shows may have been lost
  std::chrono::steady_clock::time_point began_;
  Pace pace_;
};

}  // namespace

std::unique_ptr<Platform> Platform::open_window(int width, int height, bool software) {
  auto video = std::make_shared<Video>();
  if (!software) {
    try {
      auto window = std::make_unique<OpenGlWindow>(video, width, height);
      if (!window->software()) return window;
    } catch (const HostError&) {
      // No usable OpenGL: the rasteriser needs none.
    }
  }
  return std::make_unique<SoftwareWindow>(video, width, height);
}

Headless::Headless(int width, int height) : picture_(width, height) {
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width), static_cast<float>(height)};
  io.BackendPlatformName = "none";
#if IMGUI_VERSION_NUM < 18700
  for (int i = 0; i < ImGuiKey_COUNT; ++i) io.KeyMap[i] = i;  // 1.86 asserts without a map
#endif
  raster_.attach();
}

void Headless::begin_frame() { ImGui::GetIO().DeltaTime = 1.0f / 60; }

void Headless::end_frame() {
  ImGui::Render();
  changed_ = raster_.draw(*ImGui::GetDrawData(), picture_, palette().background);
}

}  // namespace ringside::gui
