using System.Text;
using Stoker.Core.Errors;
using Stoker.Core.Formats.Safetensors;

namespace Stoker.Tests.Core.Formats.Safetensors;

public sealed class SafetensorsIndexTests
{
    [Fact]
    public void Parse_AShardedModel_GivesItsFiles()
    {
        var index = Parse("""{"metadata":{"total_size":12,"x":{"y":[1]}},"weight_map":{"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"},"more":[1]}""");
        Assert.Equal(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], index.Files);
        Assert.Equal("model-00001-of-00002.safetensors", index.FileOfTensor["b"]);
        Assert.Equal(12, index.TotalSizeBytes);
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("..")]
    [InlineData("/etc/x.safetensors")]
    [InlineData("a/b.safetensors")]
    [InlineData("a\\\\b.safetensors")]
    [InlineData("C:x.safetensors")]
    [InlineData("-x.safetensors")]
    [InlineData(".x.safetensors")]
    [InlineData("x.safetensors\\u0000")]
    [InlineData("x\\u0000.safetensors")]
    [InlineData("%2e%2e%2fx.safetensors")]
    [InlineData("x.bin")]
    [InlineData("")]
    public void Parse_ANameThatLeadsElsewhere_IsRefused(string name)
    {
        var error = Assert.Throws<StokerException>(() => Parse("{\"weight_map\":{\"a\":\"" + name + "\"}}"));
        Assert.Equal(ErrorKind.Corrupt, error.Kind);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"weight_map":{}}""")]
    [InlineData("""{"weight_map":[]}""")]
    [InlineData("""{"weight_map":{"a":1}}""")]
    [InlineData("""{"weight_map":{"a":{}}}""")]
    [InlineData("""{"weight_map":{"a":"a.safetensors","a":"b.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":"a.safetensors"},"weight_map":{"a":"b.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":"a.safetensors"}}x""")]
    [InlineData("""{"weight_map":{"a":"a.safetensors"}""")]
    [InlineData("""{"weight_map":{"\ud800":"a.safetensors"}}""")]
    public void Parse_Malformed_IsRefused(string json) => Assert.Equal(ErrorKind.Corrupt, Assert.Throws<StokerException>(() => Parse(json)).Kind);

    private static SafetensorsIndex Parse(string json) => SafetensorsIndex.Parse(Encoding.UTF8.GetBytes(json));
}
