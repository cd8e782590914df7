// A JSON document as one flat array of nodes in document order. simdjson's on-demand interface is
// C++ templates; this is the small C door to it. Numbers are judged one by one, so that a single
// 1e999 costs its own metric and not the message.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FS_JSON_NULL = 0,
    FS_JSON_FALSE = 1,
    FS_JSON_TRUE = 2,
    FS_JSON_NUMBER = 3,      // `number`; `integer` too when flagged
    FS_JSON_STRING = 4,      // `text`, unescaped
    FS_JSON_ARRAY = 5,
    FS_JSON_OBJECT = 6,
    FS_JSON_BAD_NUMBER = 7,  // `text` is the token as written
};

enum {
    FS_JSON_IS_SIGNED = 1,    // fits int64_t, in `integer`
    FS_JSON_IS_UNSIGNED = 2,  // fits uint64_t, in `integer` bit for bit
};

typedef struct {
    const char *key;   // NULL for array elements and the root
    const char *text;
    double number;
    int64_t integer;
    uint32_t key_length;
    uint32_t text_length;
    uint32_t next;     // index of the node after this one and all that is inside it
    uint32_t children;
    uint8_t type;
    uint8_t flags;
} fs_json_node;

enum {
    FS_JSON_OK = 0,
    FS_JSON_EMPTY = 1,
    FS_JSON_UTF8 = 2,
    FS_JSON_TRUNCATED = 3,
    FS_JSON_SYNTAX = 4,
    FS_JSON_TOO_DEEP = 5,
    FS_JSON_TRAILING = 6,
    FS_JSON_NO_MEMORY = 7,
};

typedef struct fs_json_parser fs_json_parser;

// NULL when there is no memory.
fs_json_parser *fs_json_parser_new(uint32_t maximum_depth);
void fs_json_parser_free(fs_json_parser *parser);

// Bytes that must be readable (not meaningful) behind a document.
size_t fs_json_padding(void);

// `bytes` must be followed by fs_json_padding() readable bytes and stay untouched while the nodes
// are used; nodes and texts are valid until the next call. Returns one of FS_JSON_OK….
int fs_json_parse(fs_json_parser *parser, const char *bytes, size_t length, const fs_json_node **nodes, uint32_t *count);

// "3.0.1"
const char *fs_json_version(void);

#ifdef __cplusplus
}
#endif
