namespace Stoker.Server.OpenAi;

/// <summary>
/// What <c>response_format: {"type": "json_object"}</c> means to the runner: one JSON object (RFC 8259), in GBNF. Whitespace is
/// bounded, because a model that may write blanks for ever sometimes does; numbers are bounded to what a double holds; and
/// <c>\u</c> never writes half a surrogate pair, so that every strict parser takes the result.
/// </summary>
public static class JsonGrammar
{
    public const string Text = """
        root   ::= object
        value  ::= object | array | string | number | "true" | "false" | "null"
        object ::= "{" ws ( member ( "," ws member )* )? "}"
        member ::= string ":" ws value ws
        array  ::= "[" ws ( value ws ( "," ws value ws )* )? "]"
        string ::= "\"" ( plain | escape )* "\""
        plain  ::= [^"\\\x00-\x1F\x7F]
        escape ::= "\\" ( ["\\/bfnrt] | "u" code )
        code   ::= [0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex
        hex    ::= [0-9a-fA-F]
        number ::= "-"? ( "0" | [1-9] [0-9]{0,14} ) ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,2} )?
        ws     ::= ( " " | "\n" " "{0,16} )?

        """;
}
