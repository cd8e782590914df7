// What the build knows of the source tree. C, because SwiftPM passes a text to a compiler only there.
#pragma once

// The commit, 12 digits, or "unknown" when built outside a repository.
const char *firesense_commit(void);
