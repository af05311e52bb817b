#include "ui/gui/theme.h"

#include <array>
#include <cmath>
#include <filesystem>

namespace ringside::gui {
namespace {

constexpr ImU32 rgb(int r, int g, int b) { return IM_COL32(r, g, b, 255); }

constexpr Palette kDark{.background = rgb(24, 26, 29),
                        .panel = rgb(32, 35, 39),
                        .grid = rgb(58, 63, 70),
                        .text = rgb(228, 230, 233),
                        .dim = rgb(160, 166, 174),
                        .accent = rgb(86, 180, 233),
                        .good = rgb(60, 195, 145),
                        .bad = rgb(250, 130, 70),
                        .warning = rgb(240, 200, 90),
                        .current_row = rgb(78, 82, 34),
                        .trapping_row = rgb(74, 50, 26),
                        .silent_row = rgb(66, 42, 66),
                        .selection = rgb(38, 74, 110)};
constexpr Palette kLight{.background = rgb(246, 246, 244),
                         .panel = rgb(255, 255, 255),
                         .grid = rgb(205, 208, 212),
                         .text = rgb(28, 30, 33),
                         .dim = rgb(92, 97, 104),
                         .accent = rgb(0, 95, 150),
                         .good = rgb(0, 110, 78),
                         .bad = rgb(172, 64, 0),
                         .warning = rgb(112, 92, 0),
                         .current_row = rgb(248, 240, 176),
                         .trapping_row = rgb(255, 232, 206),
                         .silent_row = rgb(246, 226, 240),
                         .selection = rgb(200, 224, 246)};

Theme current = Theme::Dark;

// Okabe & Ito's palette, safe for the common colour-vision deficiencies.
constexpr ImU32 kOrange = rgb(230, 159, 0), kSky = rgb(86, 180, 233), kGreen = rgb(0, 158, 115),
                kYellow = rgb(240, 228, 66), kBlue = rgb(70, 150, 215), kVermillion = rgb(224, 110, 40),
                kPurple = rgb(204, 121, 167), kGrey = rgb(150, 155, 162);

constexpr std::array kModeFill{kGrey, kOrange, kGreen, kSky, kPurple};
constexpr std::array kModeTextDark{rgb(190, 194, 200), rgb(240, 175, 40), rgb(60, 195, 145), kSky,
                                   rgb(222, 150, 190)};
constexpr std::array kModeTextLight{rgb(80, 85, 92), rgb(140, 88, 0), rgb(0, 110, 78), rgb(0, 98, 150),
                                    rgb(146, 50, 106)};
constexpr std::array kBucketFill{kGreen, kBlue, kYellow, kVermillion, kOrange, kPurple, kGrey};

ImVec4 vec(ImU32 c) { return ImGui::ColorConvertU32ToFloat4(c); }

double luminance(ImU32 c) {
  const auto channel = [](unsigned v) {
    const double s = v / 255.0;
    return s <= 0.03928 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(c & 255) + 0.7152 * channel((c >> 8) & 255) + 0.0722 * channel((c >> 16) & 255);
}

ImFont* load(const char* path, float pixels, const char* symbols_path) {
  ImGuiIO& io = ImGui::GetIO();
  if (!std::filesystem::exists(path)) {
    ImFontConfig config;
    config.SizePixels = pixels;
    return io.Fonts->AddFontDefault(&config);
  }
  static const ImWchar latin[] = {0x20, 0xFF, 0x2010, 0x2027, 0};
  ImFontConfig config;
  config.OversampleH = config.OversampleV = 1;  // glyphs fall on whole pixels, which our rasteriser copies
  config.PixelSnapH = true;
  ImFont* font = io.Fonts->AddFontFromFileTTF(path, pixels, &config, latin);
  if (std::filesystem::exists(symbols_path)) {
    static const ImWchar symbols[] = {0x0370, 0x03FF, 0x2190, 0x21FF, 0x2200, 0x22FF,
                                      0x25A0, 0x25FF, 0x2600, 0x27BF, 0};
    ImFontConfig merge = config;
    merge.MergeMode = true;
    io.Fonts->AddFontFromFileTTF(symbols_path, pixels, &merge, symbols);
  }
  return font;
}

}  // namespace

Fonts load_fonts(float scale) {
  const char* symbols = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
  const char* roboto = "/usr/share/fonts/truetype/roboto/unhinted/RobotoTTF/Roboto-Regular.ttf";
  const char* mono = "/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf";
  Fonts fonts;
  fonts.interface = load(roboto, 15.0f * scale, symbols);
  fonts.data = load(mono, 14.0f * scale, symbols);
  fonts.large = load(roboto, 24.0f * scale, symbols);
  return fonts;
}

void apply_theme(Theme theme, float scale) {
  current = theme;
  ImGuiStyle style;
  if (theme == Theme::Dark)
    ImGui::StyleColorsDark(&style);
  else
    ImGui::StyleColorsLight(&style);
  style.WindowRounding = 0;
  style.FrameRounding = 3;
  style.WindowPadding = {8, 6};
  style.ItemSpacing = {8, 4};
  style.FramePadding = {8, 4};
  style.CellPadding = {6, 2};
  style.ScrollbarSize = 12;
  style.WindowBorderSize = 1;
  const Palette& p = palette();
  const bool dark = theme == Theme::Dark;
  style.Colors[ImGuiCol_Text] = vec(p.text);
  style.Colors[ImGuiCol_TextDisabled] = vec(p.dim);
  style.Colors[ImGuiCol_WindowBg] = vec(p.panel);
  style.Colors[ImGuiCol_ChildBg] = vec(p.panel);
  style.Colors[ImGuiCol_PopupBg] = vec(dark ? rgb(40, 44, 49) : rgb(252, 252, 250));
  style.Colors[ImGuiCol_MenuBarBg] = vec(p.background);
  style.Colors[ImGuiCol_TitleBg] = style.Colors[ImGuiCol_TitleBgActive] =
      vec(dark ? rgb(42, 46, 52) : rgb(226, 229, 232));
  style.Colors[ImGuiCol_Border] = vec(p.grid);
  style.Colors[ImGuiCol_Button] = vec(dark ? rgb(58, 64, 72) : rgb(216, 221, 227));
  style.Colors[ImGuiCol_ButtonHovered] = vec(dark ? rgb(76, 85, 96) : rgb(196, 206, 217));
  style.Colors[ImGuiCol_ButtonActive] = vec(dark ? rgb(48, 92, 132) : rgb(160, 194, 226));
  style.Colors[ImGuiCol_FrameBg] = vec(dark ? rgb(46, 51, 57) : rgb(236, 238, 240));
  style.Colors[ImGuiCol_Header] = vec(p.selection);
  style.Colors[ImGuiCol_Tab] = style.Colors[ImGuiCol_Button];
  style.Colors[ImGuiCol_TabActive] = vec(p.selection);
  style.Colors[ImGuiCol_TableHeaderBg] = vec(dark ? rgb(44, 48, 54) : rgb(232, 234, 237));
  style.Colors[ImGuiCol_TableRowBgAlt] = vec(dark ? IM_COL32(255, 255, 255, 8) : IM_COL32(0, 0, 0, 8));
  style.ScaleAllSizes(scale);
  ImGui::GetStyle() = style;
}

const Palette& palette() { return current == Theme::Dark ? kDark : kLight; }
ImU32 fill(Mode mode) { return kModeFill[static_cast<std::size_t>(mode)]; }
ImU32 text(Mode mode) {
  return (current == Theme::Dark ? kModeTextDark : kModeTextLight)[static_cast<std::size_t>(mode)];
}
ImU32 fill(Bucket bucket) { return kBucketFill[static_cast<std::size_t>(bucket)]; }
ImU32 on_fill() { return rgb(16, 16, 16); }

double contrast(ImU32 a, ImU32 b) {
  const double la = luminance(a), lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

}  // namespace ringside::gui
