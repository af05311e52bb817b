#include "ui/gui/picture.h"

#include <png.h>

#include "cpu/host_error.h"

namespace ringside::gui {

void write_png(const std::string& path, const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGBA;
  if (!png_image_write_to_file(&image, path.c_str(), 0, picture.pixels.data(), picture.width * 4, nullptr))
    throw HostError("cannot write the picture '" + path + "': " + image.message +
                    ". Give a path in a folder that exists and is writable.");
}

}  // namespace ringside::gui
