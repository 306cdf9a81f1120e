-- Functions of SQLite that the store's statements use.

CREATE FUNCTION sqlite_text(bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT convert_from($1, 'UTF8') $$;
CREATE FUNCTION sqlite_text(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT $1 $$;
CREATE FUNCTION sqlite_text(bigint) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT $1::text $$;

-- Paths are $, $.name, $[0] and what is put together of these.
CREATE FUNCTION sqlite_json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT $1::json #>> string_to_array(ltrim(replace(replace($2, '[', '.'), ']', ''), '$.'), '.') $$;
CREATE FUNCTION sqlite_json_extract(bytea, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT sqlite_json_extract(convert_from($1, 'UTF8'), $2) $$;

CREATE FUNCTION sqlite_json_each(text) RETURNS TABLE (key bigint, value text) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT ordinality - 1, value FROM json_array_elements_text($1::json) WITH ORDINALITY $$;
CREATE FUNCTION sqlite_json_each(text, text) RETURNS TABLE (key bigint, value text) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT * FROM sqlite_json_each(sqlite_json_extract($1, $2)) $$;
CREATE FUNCTION sqlite_json_each(bytea, text) RETURNS TABLE (key bigint, value text) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT * FROM sqlite_json_each(sqlite_json_extract($1, $2)) $$;

-- Only numbers with leading zeros, as %06d.
CREATE FUNCTION sqlite_printf(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT lpad($2, substring($1 FROM '^%0(\d+)d$')::int, '0') $$;

CREATE FUNCTION sqlite_glob(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT replace(translate(regexp_replace($1, '([\\%_])', '\\\1', 'g'), '*?', '%_'), '[[]', '[') $$;
