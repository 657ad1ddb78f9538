using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Stoker.Core.Errors;

namespace Stoker.Supply.Sources;

/// <summary>
/// Certificate authorities of a PEM file, trusted besides the system's. A bundle of all the world's takes long to read, so that is
/// done when the first secure connection needs it. Thread-safe.
/// </summary>
internal sealed class NamedAuthorities(string path)
{
    private readonly Lazy<X509Certificate2Collection> _named = new(() => ReadFile(path));

    /// <exception cref="StokerException">InvalidInput: the file cannot be read.</exception>
    internal void Read() => _ = _named.Value;

    /// <summary>How a secure connection is judged.</summary>
    internal SslClientAuthenticationOptions Trusting() => new()
    {
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
        {
            if (errors == SslPolicyErrors.None) return true;
            if (certificate is null || chain is null || errors != SslPolicyErrors.RemoteCertificateChainErrors) return false;
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(_named.Value);
            using var copy = new X509Certificate2(certificate);
            return chain.Build(copy);
        },
    };

    private static X509Certificate2Collection ReadFile(string path)
    {
        var named = new X509Certificate2Collection();
        try
        {
            named.ImportFromPemFile(path);
            return named;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StokerException(ErrorKind.InvalidInput, $"The file of certificate authorities {path} cannot be read: {Printable.Short(unreadable.Message)}", unreadable);
        }
    }
}
