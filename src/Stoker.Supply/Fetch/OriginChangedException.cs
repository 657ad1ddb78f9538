using Stoker.Core.Errors;

namespace Stoker.Supply.Fetch;

/// <summary>The origin's content is not what it was when the download began: begin anew.</summary>
internal sealed class OriginChangedException(string message) : StokerException(ErrorKind.Network, message);
