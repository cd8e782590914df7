#include "CBuild.h"

const char *firesense_commit(void) { return FIRESENSE_COMMIT; }
