#include "CSimdjson.h"

#include <simdjson.h>

#include <new>
#include <utility>
#include <vector>

using namespace simdjson;

struct fs_json_parser {
    ondemand::parser parser;
    std::vector<fs_json_node> nodes;
    uint32_t maximum_depth;
};

namespace {

// A document of this many nodes is rare; its memory is given back after it.
constexpr size_t kept_nodes = 16384;

int word(error_code error) {
    switch (error) {
    case SUCCESS: return FS_JSON_OK;
    case EMPTY: return FS_JSON_EMPTY;
    case UTF8_ERROR: return FS_JSON_UTF8;
    case UNCLOSED_STRING:
    case INCOMPLETE_ARRAY_OR_OBJECT: return FS_JSON_TRUNCATED;
    case DEPTH_ERROR: return FS_JSON_TOO_DEEP;
    case MEMALLOC: return FS_JSON_NO_MEMORY;
    case TRAILING_CONTENT: return FS_JSON_TRAILING;
    default: return FS_JSON_SYNTAX;
    }
}

fs_json_node blank() {
    fs_json_node node{};
    return node;
}

template <typename V>
error_code number(V &value, fs_json_node &node) {
    ondemand::number parsed;
    std::string_view token = value.raw_json_token();
    while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
        token.remove_suffix(1);
    node.text = token.data();
    node.text_length = static_cast<uint32_t>(token.size());
    error_code error = value.get_number().get(parsed);
    if (error == SUCCESS) {
        node.type = FS_JSON_NUMBER;
        node.number = parsed.as_double();
        if (parsed.is_int64()) {
            node.integer = parsed.get_int64();
            node.flags = FS_JSON_IS_SIGNED | (node.integer >= 0 ? FS_JSON_IS_UNSIGNED : 0);
        } else if (parsed.is_uint64()) {
            node.integer = static_cast<int64_t>(parsed.get_uint64());
            node.flags = FS_JSON_IS_UNSIGNED;
        }
        return SUCCESS;
    }
    // Integers beyond 64 bits are fine as doubles. The failed attempt has not moved the iterator.
    double wide;
    error = value.get_double().get(wide);
    if (error == SUCCESS) {
        node.type = FS_JSON_NUMBER;
        node.number = wide;
        return SUCCESS;
    }
    return error;
}

error_code visit(fs_json_parser &p, ondemand::value value, std::string_view key, bool has_key, uint32_t depth);

error_code visit_array(fs_json_parser &p, ondemand::array array, size_t index, uint32_t depth) {
    if (depth >= p.maximum_depth) return DEPTH_ERROR;
    uint32_t children = 0;
    for (auto element : array) {
        ondemand::value value;
        if (error_code error = std::move(element).get(value)) return error;
        if (error_code error = visit(p, value, {}, false, depth + 1)) return error;
        children++;
    }
    p.nodes[index].children = children;
    return SUCCESS;
}

error_code visit_object(fs_json_parser &p, ondemand::object object, size_t index, uint32_t depth) {
    if (depth >= p.maximum_depth) return DEPTH_ERROR;
    uint32_t children = 0;
    for (auto member : object) {
        ondemand::field field;
        if (error_code error = std::move(member).get(field)) return error;
        std::string_view key;
        if (error_code error = field.unescaped_key().get(key)) return error;
        if (error_code error = visit(p, field.value(), key, true, depth + 1)) return error;
        children++;
    }
    p.nodes[index].children = children;
    return SUCCESS;
}

// Fills the node at `index` for a value or a whole document: both have the same interface.
template <typename V>
error_code fill(fs_json_parser &p, V &value, size_t index, uint32_t depth) {
    ondemand::json_type type;
    if (error_code error = value.type().get(type)) return error;
    switch (type) {
    case ondemand::json_type::object: {
        p.nodes[index].type = FS_JSON_OBJECT;
        ondemand::object object;
        if (error_code error = value.get_object().get(object)) return error;
        if (error_code error = visit_object(p, object, index, depth)) return error;
        break;
    }
    case ondemand::json_type::array: {
        p.nodes[index].type = FS_JSON_ARRAY;
        ondemand::array array;
        if (error_code error = value.get_array().get(array)) return error;
        if (error_code error = visit_array(p, array, index, depth)) return error;
        break;
    }
    case ondemand::json_type::string: {
        std::string_view text;
        if (error_code error = value.get_string().get(text)) return error;
        p.nodes[index].type = FS_JSON_STRING;
        p.nodes[index].text = text.data();
        p.nodes[index].text_length = static_cast<uint32_t>(text.size());
        break;
    }
    case ondemand::json_type::number:
        return number(value, p.nodes[index]);
    case ondemand::json_type::boolean: {
        bool truth;
        if (error_code error = value.get_bool().get(truth)) return error;
        p.nodes[index].type = truth ? FS_JSON_TRUE : FS_JSON_FALSE;
        break;
    }
    case ondemand::json_type::null: {
        bool null;
        if (error_code error = value.is_null().get(null)) return error;
        if (!null) return N_ATOM_ERROR;
        p.nodes[index].type = FS_JSON_NULL;
        break;
    }
    }
    return SUCCESS;
}

error_code visit(fs_json_parser &p, ondemand::value value, std::string_view key, bool has_key, uint32_t depth) {
    size_t index = p.nodes.size();
    fs_json_node node = blank();
    if (has_key) {
        node.key = key.data();
        node.key_length = static_cast<uint32_t>(key.size());
    }
    p.nodes.push_back(node);
    error_code error = fill(p, value, index, depth);
    if (error == NUMBER_ERROR || error == NUMBER_OUT_OF_RANGE) {
        // The token is delimited whatever stands in it: the rest of the document can still be read.
        // Iteration leaves the value behind by itself.
        p.nodes[index].type = FS_JSON_BAD_NUMBER;
        error = SUCCESS;
    }
    p.nodes[index].next = static_cast<uint32_t>(p.nodes.size());
    return error;
}

}  // namespace

extern "C" {

fs_json_parser *fs_json_parser_new(uint32_t maximum_depth) {
    fs_json_parser *parser = new (std::nothrow) fs_json_parser();
    if (parser) parser->maximum_depth = maximum_depth;
    return parser;
}

void fs_json_parser_free(fs_json_parser *parser) { delete parser; }

size_t fs_json_padding(void) { return SIMDJSON_PADDING; }

int fs_json_parse(
    fs_json_parser *p, const char *bytes, size_t length, const fs_json_node **nodes, uint32_t *count) {
    *nodes = nullptr;
    *count = 0;
    try {
        if (p->nodes.capacity() > kept_nodes) std::vector<fs_json_node>().swap(p->nodes);
        p->nodes.clear();
        ondemand::document document;
        error_code error = p->parser.iterate(bytes, length, length + SIMDJSON_PADDING).get(document);
        if (error) return word(error);
        bool scalar;
        if ((error = document.is_scalar().get(scalar))) return word(error);
        p->nodes.push_back(blank());
        error = fill(*p, document, 0, 0);
        if (error == NUMBER_ERROR || error == NUMBER_OUT_OF_RANGE) return FS_JSON_SYNTAX;
        if (error) return word(error);
        const char *behind;
        if (!scalar && document.current_location().get(behind) == SUCCESS) return FS_JSON_TRAILING;
        p->nodes[0].next = static_cast<uint32_t>(p->nodes.size());
        *nodes = p->nodes.data();
        *count = static_cast<uint32_t>(p->nodes.size());
        return FS_JSON_OK;
    } catch (const std::bad_alloc &) {
        return FS_JSON_NO_MEMORY;
    }
}

const char *fs_json_version(void) { return SIMDJSON_STRINGIFY(SIMDJSON_VERSION); }
}
