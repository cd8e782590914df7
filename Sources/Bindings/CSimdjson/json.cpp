#include "CSimdjson.h"
#include <simdjson.h>
int firesense_json_placeholder(void) { return 0; }
