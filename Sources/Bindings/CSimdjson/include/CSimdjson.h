#pragma once
int firesense_json_placeholder(void);
