using System.Security.Cryptography;
using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Models;
using Stoker.Supply.Sources;

namespace Stoker.Supply.Fetch;

/// <summary>What an answer and its bytes must be before they become a blob. Pure.</summary>
internal static class FileChecks
{
    /// <summary>Refuses an answer whose headers show that it is not the file: coded, an HTML page, another size.</summary>
    internal static void Headers(HttpResponseMessage message, ManifestFile file, string shown)
    {
        var headers = message.Content.Headers;
        if (headers.ContentEncoding.Any(static coding => !coding.Equals("identity", StringComparison.OrdinalIgnoreCase)))
            throw Wrong(shown, $"sends the file {string.Join(", ", headers.ContentEncoding.Select(static c => Printable.Short(c, 20)))}-coded, though that was not asked for");
        if (headers.ContentType?.MediaType is "text/html" or "application/xhtml+xml" && !file.Name.EndsWith(".html", StringComparison.OrdinalIgnoreCase))
            throw Wrong(shown, "answers with a web page instead of the file (is there a login in front of it?)");
        if (file.SizeBytes is { } size && headers.ContentLength is { } length && length != size)
            throw Wrong(shown, $"offers {length:N0} bytes where {size:N0} belong");
    }

    /// <summary>Begins the sums that the file's source states.</summary>
    internal static Sums BeginSums(ManifestFile file, long sizeBytes) => new(file, sizeBytes);

    internal static SourceException Wrong(string shown, string what) => new(ErrorKind.Corrupt, $"{shown} {what}.", canRetry: false);

    /// <summary>SHA-256 always; Git's SHA-1 when that is what the hub states.</summary>
    internal sealed class Sums : IDisposable
    {
        private readonly IncrementalHash _sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly IncrementalHash? _git;
        private readonly ManifestFile _file;

        internal Sums(ManifestFile file, long sizeBytes)
        {
            _file = file;
            if (file.GitSha1 is null || file.Digest is not null) return;
            _git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
            _git.AppendData(Encoding.ASCII.GetBytes($"blob {sizeBytes}\0"));
        }

        internal void Append(ReadOnlySpan<byte> bytes)
        {
            _sha256.AppendData(bytes);
            _git?.AppendData(bytes);
        }

        /// <summary>The content's digest, once it is what the source says.</summary>
        internal Digest Finish(string shown)
        {
            var actual = Digest.FromBytes(_sha256.GetHashAndReset());
            if (_file.Digest is { } expected && expected != actual)
                throw new SourceException(ErrorKind.Corrupt, $"{shown} sent other bytes than were announced: expected {expected}, got {actual}.", canRetry: true);
            if (_git is not null && Convert.ToHexStringLower(_git.GetHashAndReset()) is var git && git != _file.GitSha1)
                throw new SourceException(ErrorKind.Corrupt, $"{shown} sent other bytes than were announced: expected git blob {_file.GitSha1}, got {git}.", canRetry: true);
            return actual;
        }

        public void Dispose()
        {
            _sha256.Dispose();
            _git?.Dispose();
        }
    }
}
